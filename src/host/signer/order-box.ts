import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { replaceDurableFile } from '../store/durable-file.ts'
import { ORDER_RESULT, type OrderResult, PAIR_ORDER, type PairOrder } from './pair-orders.ts'

/** Orders to a running host: its database is locked to others, and it listens to coordinators only. Files in its data directory. */
const FOLDER = 'orders'
const ORDER = '.order'
const RESULT = '.result'
const POLL_MS = 500
const MAX_ORDERS = 16

const boxOf = (dataDir: string): string => join(dataDir, FOLDER)

/**
 * The host's side. An order is taken away before it is carried out, so that none is carried out twice.
 * @returns a function that stops it
 */
export function watchOrders(dataDir: string, carryOut: (order: PairOrder) => Promise<OrderResult>, log: Logger): () => void {
  const box = boxOf(dataDir)
  // Results that nobody fetched, orders that nobody waits for any more.
  rmSync(box, { recursive: true, force: true })
  let busy = false
  const look = async (): Promise<void> => {
    if (busy || !existsSync(box)) return
    busy = true
    try {
      for (const name of readdirSync(box)
        .filter((file) => file.endsWith(ORDER))
        .slice(0, MAX_ORDERS)) {
        const file = join(box, name)
        const text = readFileSync(file, 'utf8')
        rmSync(file)
        const result = await answer(text)
        replaceDurableFile(`${file.slice(0, -ORDER.length)}${RESULT}`, JSON.stringify(result))
      }
    } catch (err) {
      log.error({ err }, 'an order could not be carried out')
    } finally {
      busy = false
    }
  }
  const answer = async (text: string): Promise<OrderResult> => {
    let order: PairOrder
    try {
      order = PAIR_ORDER.parse(JSON.parse(text))
    } catch {
      return { done: false, lines: ['the host does not understand this order: is the command of another version?'] }
    }
    if (order.order !== 'list') log.warn(order, 'an operator’s order')
    return await carryOut(order)
  }
  const timer = setInterval(() => void look(), POLL_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** The command's side. @returns undefined when no host has taken the order in time; it is withdrawn then. */
export async function placeOrder(dataDir: string, order: PairOrder, timeoutMs: number): Promise<OrderResult | undefined> {
  const box = boxOf(dataDir)
  mkdirSync(box, { recursive: true, mode: 0o700 })
  const name = join(box, randomUUID())
  replaceDurableFile(`${name}${ORDER}`, JSON.stringify(order))
  try {
    for (const end = Date.now() + timeoutMs; Date.now() < end; await sleep(50)) {
      if (existsSync(`${name}${RESULT}`)) return ORDER_RESULT.parse(JSON.parse(readFileSync(`${name}${RESULT}`, 'utf8')))
    }
    return undefined
  } finally {
    for (const end of [ORDER, RESULT]) rmSync(`${name}${end}`, { force: true })
  }
}
